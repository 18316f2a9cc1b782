#!/bin/sh
# Makes what ./secrets must hold, where it is not there yet; the certificate for the host name that is given.
#   ./make-secrets.sh registry.example.com
set -eu
host=$1
cd "$(dirname "$0")/secrets"
umask 077

random() { openssl rand -hex 24; }

if [ ! -e postgres-password ]; then
    random > postgres-password
    echo "postgresql:5432:entrepot:entrepot:$(cat postgres-password)" > pgpass
fi
if [ ! -e s3-credentials ]; then
    key=$(random) secret=$(random)
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$key" "$secret" > s3-credentials
    printf 'ROOT_ACCESS_KEY=%s\nROOT_SECRET_KEY=%s\n' "$key" "$secret" > s3-server.env
fi
# Back these two up: without them nobody believes what the registry has signed, and its log begins anew.
[ -e signing-key.pem ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out signing-key.pem
if [ ! -e log-keys.pem ]; then
    {
        openssl genpkey -algorithm ed25519
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
        openssl genpkey -algorithm ed25519
    } > log-keys.new
    mv log-keys.new log-keys.pem
fi
# For a beginning; put a real one there.
if [ ! -e tls/tls.crt ]; then
    mkdir -p tls
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=$host" \
        -addext "subjectAltName=DNS:$host" -keyout tls/tls.key -out tls/tls.crt 2> /dev/null
fi
# The nodes' user reads them, and who may enter this folder.
chmod 0700 .
chmod 0444 pgpass s3-credentials signing-key.pem log-keys.pem
