from django import template

from billing import alerts

register = template.Library()


@register.simple_tag
def open_alerts() -> int:
    """How many alerts nobody has acknowledged."""
    return alerts.unacknowledged()
