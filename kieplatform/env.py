"""The environment, read in one place. Every name has `NAME_FILE` as a twin for secrets kept in files."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))


def secret_key() -> str:
    """`SECRET_KEY`, or one made at the first start and kept beside the embedded database."""
    if key := env.str("SECRET_KEY", default=""):
        return key
    kept = DATA_DIR / "secret_key"
    if not kept.exists():
        from django.core.management.utils import get_random_secret_key

        DATA_DIR.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(get_random_secret_key())
    return kept.read_text()


def database() -> dict:
    """`DATABASE_URL`, or SQLite in the data directory.

    SQLite runs with WAL and IMMEDIATE transactions: a deferred transaction that turns from reading to writing
    fails with "database is locked" instead of waiting. PostgreSQL waits for a lock for a bounded time only.
    """
    config = env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"].endswith("sqlite3"):
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;",
        }
        return config
    config["CONN_MAX_AGE"] = 60
    config["CONN_HEALTH_CHECKS"] = True
    options.setdefault("options", "-c lock_timeout=5s -c idle_in_transaction_session_timeout=60s")
    if pool_size := env.int("DATABASE_POOL", default=0):
        # Only for web processes: a forked queue worker must not inherit pooled connections.
        config["CONN_MAX_AGE"] = 0
        config["CONN_HEALTH_CHECKS"] = False
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 30}
    return config
