"""Python packages: the simple repository API, the upload form, and what stands around them."""

from entrepot.formats.pypi.errors import ERRORS
from entrepot.formats.pypi.evidence import find_evidence
from entrepot.formats.pypi.inventory import describe
from entrepot.formats.pypi.routes import ROUTES
from entrepot.formats.pypi.rules import RULES
from entrepot.formats.pypi.trusted_publishing import SURFACE as TRUSTED_PUBLISHING
from entrepot.formats.pypi.upstream import PypiReadThrough
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="Python packages",
    rules=RULES,
    surface=Surface(name="pypi", prefix="pypi", routes=ROUTES, errors=ERRORS),
    aliases=(TRUSTED_PUBLISHING,),
    read_through=PypiReadThrough(),
    evidence=find_evidence,
    describe=describe,
    ecosystem="PyPI",
)
