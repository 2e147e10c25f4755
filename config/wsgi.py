"""What the web server calls."""

import multiprocessing
import os
import signal

from django.core.wsgi import get_wsgi_application

from txmsg.embedded.processes import die_with_parent

# A server's worker process must not answer on when its server was killed.
server = multiprocessing.parent_process()
if server is not None and server.pid is not None:
    die_with_parent(signal.SIGKILL, parent=server.pid)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
