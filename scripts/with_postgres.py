"""Run a command with DATABASE_URL pointing to a PostgreSQL server of its own, which ends with the command.

    python scripts/with_postgres.py [--forgetful] COMMAND [ARGUMENT …]

The server listens on a socket in a temporary directory only. A forgetful one does not wait for the disk: what it knows
would not survive the machine, which is nothing to tests and everything to benchmarks. PostgreSQL refuses to run as
root, so root starts it as the system's `postgres` user.
"""

import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile


def binary(name: str) -> str:
    """A server program: on the PATH, or where Debian keeps it."""
    kept = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    found = kept[-1] if kept else shutil.which(name)
    if not found:
        sys.exit(f"{name} was not found; install PostgreSQL (Debian: apt-get install postgresql)")
    return found


def main() -> int:
    command = sys.argv[1:]
    forgetful = command[:1] == ["--forgetful"]
    directory = tempfile.mkdtemp(prefix="pg-")
    data = f"{directory}/data"
    account = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    as_owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    if account:
        os.chown(directory, account.pw_uid, account.pw_gid)
    quiet = {"stdout": subprocess.DEVNULL, "cwd": directory, "check": True, **as_owner}
    initdb = [binary("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, **quiet)
    options = f"-c listen_addresses='' -k {directory} -c max_connections=200"
    if forgetful:
        command, options = command[1:], f"{options} -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    control = [binary("pg_ctl"), "-D", data, "-w"]
    subprocess.run([*control, "-l", f"{directory}/log", "-o", options, "start"], **quiet)
    try:
        url = f"postgres://postgres@/postgres?host={directory}"
        environment = {**os.environ, "DATABASE_URL": url, "PGDATA": data, "PGHOST": directory}
        return subprocess.run(command, env=environment).returncode
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
