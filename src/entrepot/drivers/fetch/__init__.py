"""Reading from other registries over HTTP, in parts that can each be read alone.

- `addresses`: which addresses may be asked at all; pure.
- `targets`: where a question goes, and where a redirect may lead; pure.
- `proxies`: the proxy variables of the environment.
- `pace`: how often, how long and when again.
- `hosts`: what we remember of each host: how it fares, and how much we ask of it at once.
- `dial`: connecting to the very address that was checked.
- `content`: bodies, measured and decompressed.
- `http`: the driver itself.

Why it is made so is in ``docs/decisions/0012-outbound-fetches.md``.
"""
