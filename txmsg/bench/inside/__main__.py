"""`python -m txmsg.bench.inside VERB OPTIONS`: run one verb, print its result."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from typing import Any

import django


def main() -> None:
    """Run the verb that was named."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    django.setup()
    # Only now: models need the settings.
    from txmsg.bench.inside import (
        ageing,
        claiming,
        draining,
        filling,
        preparing,
        rendering,
    )

    verbs: dict[str, Callable[..., dict[str, Any]]] = {
        "prepare": preparing.prepare,
        "drain": draining.drain,
        "fill": filling.fill,
        "render": rendering.render,
        "churn": claiming.churn,
        "stand_in_the_way": claiming.stand_in_the_way,
        "age": ageing.age,
    }
    result = verbs[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
