"""Go modules: a module proxy whose modules are also put there, by one request each."""

from entrepot.formats.go.errors import ERRORS
from entrepot.formats.go.inventory import describe
from entrepot.formats.go.routes import ROUTES
from entrepot.formats.go.rules import RULES
from entrepot.formats.go.upstream import GoReadThrough
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="Go",
    rules=RULES,
    surface=Surface(name="go", prefix="go", routes=ROUTES, errors=ERRORS),
    read_through=GoReadThrough(),
    describe=describe,
    ecosystem="Go",
)
