// Loaded before npm: its own list of keys for the public registry, which it would fetch from the network, has no keys.
// Then it asks the registry itself for its keys, as it does for every registry that is not in that list.
'use strict';

const Module = require('module');

const load = Module._load;
Module._load = function (request, ...rest) {
  if (request !== '@sigstore/tuf') {
    return load.call(this, request, ...rest);
  }
  const getTarget = async () => {
    throw Object.assign(new Error('not in the list'), { code: 'TUF_FIND_TARGET_ERROR' });
  };
  return { initTUF: async () => ({ getTarget }) };
};
