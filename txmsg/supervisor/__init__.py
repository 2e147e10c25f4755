"""The processes of `up`: starts, watches, restarts and ends them.

`supervision` runs any children; `installation` names the product's. Neither may know
what the children do.
"""

from txmsg.supervisor.installation import Installation, running
from txmsg.supervisor.supervision import ChildSpec, Supervisor

__all__ = ["ChildSpec", "Installation", "Supervisor", "running"]
