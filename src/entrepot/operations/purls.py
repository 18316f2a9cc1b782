"""Read patterns of package URLs by the rules of their formats, so that none is written in a way that never matches.

A rule that matches nothing lets everything in, and nobody notices: ``pkg:pypi/Acme_Tool`` would block nothing, since
the package is called ``acme-tool`` here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entrepot.model.errors import Invalid, InvalidName
from entrepot.model.names import PackagePattern

if TYPE_CHECKING:
    from entrepot.model.upstream import PurlPattern
    from entrepot.operations.registry import Registry
    from entrepot.ports.formats import Rules

_SAMPLE = str.maketrans("*?", "xx")
"""What stands for the wildcards when a pattern is read as if it were a name."""


def spell(registry: Registry, pattern: PurlPattern) -> PurlPattern:
    """The same pattern, with its name as the format spells it. Raises `Invalid`, `InvalidName`."""
    rules = registry.formats.get(pattern.format)
    if rules is None:
        raise Invalid(str(pattern), expected=f"pkg: and a format: {', '.join(sorted(registry.formats))}")
    text = pattern.name.text
    sample = text.translate(_SAMPLE)
    if sample == text:
        return replace(pattern, name=PackagePattern(rules.normalize(text)))
    spelt = _spelling(rules, sample)
    if spelt is not None and spelt != sample:
        raise Invalid(
            str(pattern), expected=f"the name as {pattern.format} spells it: {spelt!r} rather than {sample!r}"
        )
    return pattern


def _spelling(rules: Rules, sample: str) -> str | None:
    """How a name is spelt; None when only the wildcards make it a name."""
    try:
        return rules.normalize(sample)
    except InvalidName:
        return None
