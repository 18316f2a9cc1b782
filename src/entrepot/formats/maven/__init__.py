"""Maven repositories: the layout that Maven, Gradle and their kin read and write, file by file."""

from entrepot.formats.maven.errors import ERRORS
from entrepot.formats.maven.evidence import find_evidence
from entrepot.formats.maven.inventory import describe
from entrepot.formats.maven.routes import ROUTES
from entrepot.formats.maven.rules import RULES
from entrepot.formats.maven.upstream import MavenReadThrough
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="Maven",
    rules=RULES,
    surface=Surface(name="maven", prefix="maven", routes=ROUTES, errors=ERRORS),
    read_through=MavenReadThrough(),
    evidence=find_evidence,
    describe=describe,
    ecosystem="Maven",
)
