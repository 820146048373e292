"""Complete inputs of models, with everything that they build upon made first and named by our own ids."""

from typing import Any

from accounts.models import User
from generation import catalog, inputs, lifecycle
from generation.models import Generation
from tests import driving


def example(user: User, model: str) -> dict[str, Any]:
    """The catalogue's example, with finished generations of `user` in place of what it builds upon."""
    entry = catalog.get(model)
    values: dict[str, Any] = dict(entry.example)
    made: dict[str, Generation] = {}
    for fields, named in ((catalog.generation_fields(entry), _itself), (catalog.result_fields(entry), _result)):
        for path, models in fields.items():
            if path.partition(".")[0].removesuffix("[]") in values:
                source = next((made[name] for name in models if name in made), None) or _source(user, models)
                made[source.model] = source
                values = inputs.transform(values, path, lambda _, source=source, named=named: named(source))
    return values


def finished(user: User, model: str) -> Generation:
    """The model's example, run to its end."""
    return driving.finish(lifecycle.request(user, model, example(user, model)))


def _itself(source: Generation) -> str:
    return str(source.pk)


def _result(source: Generation) -> str:
    """Its first result that later requests can name."""
    return str(source.assets.exclude(kie_id="")[0].pk)


def _source(user: User, models: list[str]) -> Generation:
    """A finished generation of one of the models, of one that needs nothing before it if there is one."""
    plain = [model for model in models if not _needs_others(model)]
    return finished(user, (plain or models)[0])


def _needs_others(model: str) -> bool:
    entry = catalog.get(model)
    fields = [*catalog.generation_fields(entry), *catalog.result_fields(entry)]
    return bool(set(entry.example) & {path.partition(".")[0].removesuffix("[]") for path in fields})
