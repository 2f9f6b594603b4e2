"""A character device that is a TPM: a pseudo terminal whose other end is swtpm's command port.

Usage: tpm-device.py PORT. Prints the device's path, then relays whole commands and responses
until the port hangs up.
"""

import os
import pty
import socket
import struct
import sys
import tty

HEADER_BYTES = 10


def read_whole(read) -> bytes:
    message = b""
    while len(message) < HEADER_BYTES or len(message) < struct.unpack_from(">I", message, 2)[0]:
        chunk = read()
        if not chunk:
            sys.exit(0)
        message += chunk
    return message


def main() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    tpm = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    print(os.ttyname(slave), flush=True)
    while True:
        tpm.sendall(read_whole(lambda: os.read(master, 4096)))
        os.write(master, read_whole(lambda: tpm.recv(4096)))


main()
