#!/bin/sh
exec /usr/lib/postroom/bin/python -P -m postroom "$@"
