"""What a person must see to. Owns rules, latching, the ways out; reads the store, knows no device.

    store ─► facts ─► rules ─► latch ─► alarms in the store ─► webhook, MQTT, mail, command
             (following, plant)  (judging)  (keeping)           (posting, ways)

Who acknowledges does so through the page or the command line; this process sees it in the store.
"""

from monitor.alarms.run import run_alarms
from monitor.alarms.trying import Outcome, send_test, try_build

__all__ = ["Outcome", "run_alarms", "send_test", "try_build"]
