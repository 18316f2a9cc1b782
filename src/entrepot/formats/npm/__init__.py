"""JavaScript packages, for npm, pnpm, yarn and whatever speaks their registry's protocol."""

from entrepot.formats.npm.errors import ERRORS, challenge
from entrepot.formats.npm.evidence import find_evidence
from entrepot.formats.npm.inventory import describe
from entrepot.formats.npm.routes import ROUTES
from entrepot.formats.npm.rules import RULES
from entrepot.formats.npm.trusted_publishing import ROUTES as EXCHANGE
from entrepot.formats.npm.trusted_publishing import SURFACE as TRUSTED_PUBLISHING
from entrepot.formats.npm.upstream import NpmReadThrough
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="npm",
    rules=RULES,
    surface=Surface(name="npm", prefix="npm", routes=(*EXCHANGE, *ROUTES), errors=ERRORS, challenge=challenge),
    aliases=(TRUSTED_PUBLISHING,),
    read_through=NpmReadThrough(),
    evidence=find_evidence,
    describe=describe,
    ecosystem="npm",
)
