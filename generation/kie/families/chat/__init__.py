"""Chat: KIE's four dialects of one conversation (protocol 5), without a network.

A dialect is a module with `request(ask, target)` and `native(body, target, stream)`, which make the call,
`pictures(body, change)`, which finds the pictures in a body, and `Reader`, which reads the answer.
"""

from types import ModuleType

from generation.kie.families.chat import completions, gemini, messages, responses

STYLES: dict[str, ModuleType] = {
    "/chat/completions": completions,
    "/responses": responses,
    "/messages": messages,
    ":streamGenerateContent": gemini,
}


def dialect(endpoint: str) -> ModuleType:
    """The dialect that an endpoint speaks. Raises LookupError."""
    for ending, module in STYLES.items():
        if endpoint.endswith(ending):
            return module
    raise LookupError(f"no dialect is known for {endpoint}")
