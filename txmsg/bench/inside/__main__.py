"""`python -m txmsg.bench.inside VERB OPTIONS`: run one verb, print its result."""

from __future__ import annotations

import json
import os
import signal
import sys

import django
from django.utils.module_loading import import_string

from txmsg.embedded.processes import die_with_parent

VERBS = {
    "prepare": "txmsg.bench.inside.preparing.prepare",
    "fill": "txmsg.bench.inside.filling.fill",
    "drain": "txmsg.bench.inside.draining.drain",
    "render": "txmsg.bench.inside.rendering.render",
    "churn": "txmsg.bench.inside.claiming.churn",
    "stand_in_the_way": "txmsg.bench.inside.claiming.stand_in_the_way",
    "age": "txmsg.bench.inside.ageing.age",
}


def main() -> None:
    """Run the verb that was named: by its name, for models need Django set up."""
    die_with_parent(signal.SIGKILL, parent=os.getppid())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    django.setup()
    result = import_string(VERBS[sys.argv[1]])(**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
