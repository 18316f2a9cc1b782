"""Container images, charts and any other artifact, by the OCI distribution specification 1.1."""

from entrepot.formats.oci.challenge import challenge
from entrepot.formats.oci.errors import ERRORS
from entrepot.formats.oci.routes import ROUTES
from entrepot.formats.oci.rules import RULES
from entrepot.formats.oci.token import TOKEN_ROUTES
from entrepot.formats.oci.upstream import OciReadThrough
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="OCI",
    rules=RULES,
    surface=Surface(name="oci", prefix="v2", routes=ROUTES, errors=ERRORS, challenge=challenge),
    aliases=(Surface(name="oci", prefix="token", routes=TOKEN_ROUTES, errors=ERRORS, challenge=challenge),),
    read_through=OciReadThrough(),
)
