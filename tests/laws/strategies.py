"""Values to try the laws on."""

from __future__ import annotations

from hypothesis import strategies as st

from entrepot.model.access import Action, Allowance, Permit, Rights, Role
from entrepot.model.digest import Digest
from entrepot.model.names import ChannelName, NamespaceName, PackageName, PackagePattern, View

LABELS = st.lists(st.text("az09", min_size=1, max_size=10), min_size=1, max_size=5).map("-".join)
DIGESTS = st.builds(Digest.of, st.binary(max_size=8), st.sampled_from(["sha256", "sha512"]))
VIEWS = st.builds(View, LABELS.map(NamespaceName), st.none() | LABELS.map(ChannelName))

# Few, so that they meet.
FEW_VIEWS = st.sampled_from([View.parse(text) for text in ("acme", "acme.prod", "acme.dev", "zeta", "zeta.prod")])
FEW_NAMES = st.text("ab/", min_size=1, max_size=5).map(PackageName)
GLOBS = st.text("ab/*?", min_size=1, max_size=6).map(PackagePattern.parse)
ALLOWANCES = st.builds(
    Allowance,
    st.sampled_from(Role),
    st.none() | FEW_VIEWS,
    st.just(PackagePattern()) | GLOBS,
    st.none() | st.frozensets(st.sampled_from(Action)),
)
PERMITS = st.builds(Permit, st.frozensets(st.sampled_from(Action)), FEW_VIEWS, FEW_NAMES)
LAYERS = st.lists(ALLOWANCES | PERMITS, max_size=3).map(tuple)
RIGHTS = st.lists(LAYERS, min_size=1, max_size=3).map(lambda layers: Rights(tuple(layers)))
ACTIONS = st.sampled_from(Action)
"""Questions are of an action, a view or everything, and a package or all of them."""
ASKED_VIEWS = st.none() | FEW_VIEWS
ASKED_PACKAGES = st.none() | FEW_NAMES
