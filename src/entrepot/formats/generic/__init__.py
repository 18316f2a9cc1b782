"""Plain files: a package's version is a set of files, each under a path, put there by any HTTP client."""

from entrepot.formats.generic.evidence import find_evidence
from entrepot.formats.generic.inventory import describe
from entrepot.formats.generic.routes import ROUTES
from entrepot.formats.generic.rules import RULES
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="Files",
    rules=RULES,
    surface=Surface(name="generic", prefix="files", routes=ROUTES),
    evidence=find_evidence,
    describe=describe,
)
