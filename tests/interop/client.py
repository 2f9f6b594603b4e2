"""A client for simlatch, written from docs/protocol.md and docs/operations.md alone.

It sets up a tenant of its own on a running platform, binds cards of the suites P-256 and AES in
both modes, and has every negative control of controls.py refused. The last line is JSON.
"""

import argparse
import json
import os
import sys

from controls import CONTROLS, Bench, Unexpected, superseded_generation
from card import Refused
from http_api import Api, Problem
from operator_api import Operator
from suites import AES, ENCRYPTED, P256, SIGNED, NotAuthentic, random_bytes
from tlv import Malformed


def arguments():
    """Options, or the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option, variable in (
        ("--url", "SIMLATCH_URL"),
        ("--admin-key", "SIMLATCH_ADMIN_KEY"),
        ("--deployment", "SIMLATCH_DEPLOYMENT"),
    ):
        value = os.environ.get(variable)
        parser.add_argument(option, default=value, required=not value, help=f"or {variable}")
    return parser.parse_args()


class Tally:
    """What bound, what was refused, and what went another way than the page says."""

    def __init__(self):
        self.bindings = 0
        self.refused = 0
        self.failed = []

    def attempt(self, name, step):
        """Runs one step; its trouble is kept under its name."""
        try:
            return step()
        except (Unexpected, Refused, Problem, Malformed, NotAuthentic, KeyError) as trouble:
            self.failed.append(f"{name}: {type(trouble).__name__} {trouble}")
            return None

    def document(self):
        numbers = {"bindings": self.bindings, "refused": self.refused, "ok": not self.failed}
        return {**numbers, "failed": self.failed} if self.failed else numbers


def combination(bench, tally):
    """One suite in one mode: a binding with everything checked, then the controls."""
    name = f"{bench.suite['name']} {bench.mode['name']}"
    bound = tally.attempt(f"{name}, binding", lambda: bench.bind(*bench.pair(), with_tag=True))
    tally.bindings += bound is not None
    refused = 0
    for control in CONTROLS:
        title = f"{name}, {control.__name__}"
        refused += tally.attempt(title, lambda control=control: control(bench)) or 0
    tally.refused += refused
    print(f"{name}: {'bound' if bound else 'not bound'}, {refused} refused as documented")


def main():
    options = arguments()
    deployment = bytes.fromhex(options.deployment)
    tenant = f"interop-{random_bytes(4).hex()}"
    operator = Operator(options.url, options.admin_key, deployment, tenant)
    operator.set_up()
    api = Api(options.url)
    tally = Tally()
    for suite in (P256, AES):
        for mode in (SIGNED, ENCRYPTED):
            combination(Bench(operator, api, suite, mode), tally)
    for suite in (P256, AES):
        bench = Bench(operator, api, suite, ENCRYPTED)
        title = f"{suite['name']}, superseded_generation"
        tally.refused += tally.attempt(title, lambda: superseded_generation(bench)) or 0
    for line in tally.failed:
        print(f"failed: {line}")
    print(json.dumps(tally.document()))
    return 0 if tally.document()["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
