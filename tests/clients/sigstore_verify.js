// Verifies one Sigstore bundle with the library that the npm client itself uses, taken from that client's folder.
// Arguments: the npm client's command. Standard input: {bundle, root, keys: {hint: SPKI in base64}, artifact}.
'use strict';

const { createRequire } = require('module');
const fs = require('fs');

const load = createRequire(fs.realpathSync(process.argv[2]));
const { bundleFromJSON } = load('@sigstore/bundle');
const { TrustedRoot } = load('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = load('@sigstore/verify');

const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const root = asked.root || { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const keys = Object.fromEntries(
  Object.entries(asked.keys).map(([hint, spki]) => [hint, { rawBytes: Buffer.from(spki, 'base64') }])
);
// A key's signature needs neither a log nor a time; a certificate's needs both.
const needed = asked.root ? 1 : 0;
try {
  const bundle = bundleFromJSON(asked.bundle);
  const artifact = asked.artifact === null ? undefined : Buffer.from(asked.artifact, 'base64');
  const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(root), keys), {
    ctlogThreshold: needed,
    tlogThreshold: needed,
    timestampThreshold: needed,
  });
  verifier.verify(toSignedEntity(bundle, artifact), asked.policy);
} catch (error) {
  process.stderr.write(`${error.code || error.name}: ${error.message}\n`);
  process.exit(1);
}
