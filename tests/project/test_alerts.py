"""Every alert that the code can raise stands in docs/alerts.md."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _subjects(tree: ast.AST) -> set[str]:
    """What the alerts are called whose subject is written where they are raised, without what follows the colon."""
    found = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        raises = isinstance(call.func, ast.Attribute) and call.func.attr in ("tell", "about")
        if raises and isinstance(call.func.value, ast.Name) and call.func.value.id == "alerts":
            subject = call.args[0].values[0] if isinstance(call.args[0], ast.JoinedStr) else call.args[0]
            if isinstance(subject, ast.Constant):
                found.add(subject.value.split(":")[0])
    return found


def test_every_alert_is_described() -> None:
    code = [file for app in ("accounts", "billing", "generation", "chat") for file in (ROOT / app).rglob("*.py")]
    raised = set().union(*(_subjects(ast.parse(file.read_text())) for file in code))
    assert len(raised) > 20
    described = (ROOT / "docs/alerts.md").read_text()
    assert [subject for subject in sorted(raised) if f"`{subject}" not in described] == []
