"""The management API: ``/api/v1/…``, its description at ``/api/v1/openapi.json``, for people at ``/api/docs``."""

from entrepot.api.docs import SUBJECTS
from entrepot.wire.format import Surface

SURFACE = Surface(
    name="api",
    prefix="api",
    routes=[endpoint.route() for subject in SUBJECTS for endpoint in subject.endpoints],
)
