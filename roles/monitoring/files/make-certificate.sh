#!/bin/sh
# KEY CERTIFICATE NAME ADDRESS: make both unless they fit and hold for 90 days more; print the certificate. Says "made" on standard error.
set -eu
umask 077
key=$1 certificate=$2 name=$3 address=$4
case $address in
    *:*) alternatives="DNS:$name,IP:$address" ;;
    # A letter makes a name of it, be it one as mon-1.dc-1.
    *[!0-9.]*) alternatives="DNS:$name,DNS:$address" ;;
    *) alternatives="DNS:$name,IP:$address" ;;
esac
mkdir -p "$(dirname "$key")"
chmod 0755 "$(dirname "$key")"
if ! { test -s "$key" && openssl x509 -in "$certificate" -noout -checkend 7776000 >/dev/null &&
    test "$(cat "$certificate.for")" = "$alternatives"; } 2>/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 730 -keyout "$key.new" -out "$certificate.new" \
        -subj "/CN=$name" -addext "subjectAltName=$alternatives" -addext basicConstraints=critical,CA:FALSE \
        -addext extendedKeyUsage=serverAuth,clientAuth
    chmod 0644 "$certificate.new"
    mv "$key.new" "$key"
    mv "$certificate.new" "$certificate"
    echo "$alternatives" >"$certificate.for"
    echo made >&2
fi
cat "$certificate"
