"""The authentication centre of hostapd's EAP-AKA and EAP-SIM server.

Speaks the text protocol of hostapd's hlr_auc_gw on a datagram socket; the vectors are made by
osmo-auc-gen. Usage: authentication-centre.py SOCKET K OPC, keys in hex.

  AKA-REQ-AUTH IMSI          -> AKA-RESP-AUTH IMSI RAND AUTN IK CK RES
  AKA-AUTS IMSI AUTS RAND    takes SQN_MS over; no answer
  SIM-REQ-AUTH IMSI COUNT    -> SIM-RESP-AUTH IMSI Kc:SRES:RAND ...

Prints a line for each request it took.
"""
import os
import re
import socket
import subprocess
import sys

path, k, opc = sys.argv[1:4]
# SEQ 1, IND 0 of 5 bits.
sqn = 32


def osmo_auc_gen(*options):
    command = ["osmo-auc-gen", "-3", "-a", "MILENAGE", "-k", k, "-o", opc, "-f", "8000", *options]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^(\S+):\t(\S+)", output, re.MULTILINE))


def make_vector():
    global sqn
    vector = osmo_auc_gen("-s", str(sqn), "-r", os.urandom(16).hex())
    sqn += 32
    return vector


def answer(words):
    global sqn
    if words[0] == "AKA-REQ-AUTH":
        vector = make_vector()
        fields = [vector[name] for name in ("RAND", "AUTN", "IK", "CK", "RES")]
        return " ".join(["AKA-RESP-AUTH", words[1], *fields])
    if words[0] == "SIM-REQ-AUTH":
        vectors = [make_vector() for _ in range(int(words[2]))]
        triplets = [":".join(v[name] for name in ("Kc", "SRES", "RAND")) for v in vectors]
        return " ".join(["SIM-RESP-AUTH", words[1], *triplets])
    if words[0] == "AKA-AUTS":
        resynchronised = osmo_auc_gen("-A", words[2], "-r", words[3])
        sqn = int(resynchronised["SQN.MS"]) // 32 * 32 + 32
    return None


server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(path)
print("ready", flush=True)
while True:
    request, client = server.recvfrom(1024)
    words = request.decode("ascii").split()
    reply = answer(words)
    print(words[0], flush=True)
    if reply is not None:
        server.sendto(reply.encode("ascii"), client)
