#!/bin/sh
# Runs nginx before the nodes of $NODES, and asks each of them every second whether it is ready (/readyz).
# Of each that is not, or that is told to stop, nginx finds a file state/leaves-<number>, and asks the others:
# nothing is loaded anew, and no connection is closed for it.
set -eu
cd "$1"
mkdir -p state/body state/proxy state/fastcgi state/uwsgi state/scgi

ask() {
    if curl --silent --fail --max-time 2 --output /dev/null "http://$2/readyz"; then
        rm -f "state/leaves-$1"
    else
        : > "state/leaves-$1"
    fi
}

ask_all() {
    number=0
    for node in $NODES; do
        number=$((number + 1))
        ask "$number" "$node" &
        asked="$asked $!"
    done
    wait $asked
}

asked=
ask_all
nginx -p "$PWD/" -c nginx.conf -e stderr &
nginx=$!
trap 'kill -QUIT $nginx' TERM INT
while kill -0 $nginx 2> /dev/null; do
    sleep 1 &
    asked=$!
    ask_all
done
