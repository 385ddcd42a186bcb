"""The address space at work. Owns nodes, their values and the events of alarms; refuses to know where values come from.

A value that cannot be told is given with a bad status: a client never takes an old number for a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from asyncua import Node, Server, ua

from monitor.domain import Alarm, AlarmState, Severity
from monitor.plant.opcua.names import (
    IDENTIFICATION,
    ITEMS,
    MACHINERY,
    MESSAGES,
    NAMESPACES,
    NOTIFICATION,
    OWN,
    Item,
    Name,
)
from monitor.plant.state import PlantState

SEVERITY = {Severity.NOTICE: 200, Severity.WARNING: 500, Severity.ALARM: 800}
"""On OPC UA's scale of 1 … 1000 (Part 5: low below 334, medium below 667, high above)."""
UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"


class Space:
    """The nodes of one machine."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._indices: dict[str, int] = {}
        self._objects: dict[tuple[Name, ...], Node] = {}
        self._nodes: dict[Item, Node] = {}
        self._told: dict[Item, object] = {}
        self._alarms: dict[str, tuple[AlarmState, Alarm]] = {}
        self._event: Any = None

    async def build(self, machine: str) -> None:
        """Make every node; values are bad until the first `tell`."""
        for uri in NAMESPACES:
            self._indices[uri] = await self._server.register_namespace(uri)
        objects = self._server.nodes.objects
        machines = await objects.add_folder(self._id("Machines"), self._name((MACHINERY, "Machines")))
        self._objects[()] = await machines.add_object(self._id("Machine"), self._name((OWN, machine)))
        for item in ITEMS:
            await self._variable(item)
        messages = await self._object(MESSAGES)
        self._event = await self._server.get_event_generator(ua.ObjectIds.AlarmConditionType, messages)
        # Who subscribes to the server's events hears them too: each notifier passes them on to the one above.
        above = [self._server.nodes.server, await self._object(NOTIFICATION), messages]
        for parent, child in pairwise(above):
            await parent.add_reference(child, ua.ObjectIds.HasNotifier)

    async def tell(self, state: PlantState) -> None:
        """Write what changed, and tell the alarms that changed."""
        for item, node in self._nodes.items():
            value = item.value(state)
            if item not in self._told or value != self._told[item]:
                await self._server.write_attribute_value(node.nodeid, _data(item, value))
                self._told[item] = value
        await self._tell_alarms(state.alarms)

    async def fail(self) -> None:
        """Say of every value that it cannot be told now."""
        for item, node in self._nodes.items():
            await self._server.write_attribute_value(node.nodeid, _data(item, None))
        self._told.clear()

    async def _tell_alarms(self, alarms: tuple[Alarm, ...]) -> None:
        """An event for each alarm that is new or changed; those that are gone are closed. Old ones are told once."""
        now: Mapping[str, tuple[AlarmState, Alarm]] = {alarm.id: (alarm.state, alarm) for alarm in alarms}
        for name, (state, alarm) in now.items():
            if name not in self._alarms or self._alarms[name][0] is not state:
                await self._trigger(alarm, state)
        for name in self._alarms.keys() - now.keys():
            await self._trigger(self._alarms[name][1], AlarmState.CLOSED)
        self._alarms = dict(now)

    async def _trigger(self, alarm: Alarm, state: AlarmState) -> None:
        event, reading = self._event.event, alarm.reading
        active = state in (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)
        seen = state in (AlarmState.ACKNOWLEDGED, AlarmState.CLOSED)
        event.NodeId = ua.NodeId(f"alarm:{alarm.id}", self._indices[OWN])  # the ConditionId
        event.ConditionName = reading.rule
        event.SourceName = reading.subject
        event.Severity = SEVERITY[alarm.severity]
        event.Retain = state is not AlarmState.CLOSED
        event.ActiveState = ua.LocalizedText("Active" if active else "Inactive")
        setattr(event, "ActiveState/Id", active)
        event.AckedState = ua.LocalizedText("Acknowledged" if seen else "Unacknowledged")
        setattr(event, "AckedState/Id", seen)
        event.EnabledState = ua.LocalizedText("Enabled")
        setattr(event, "EnabledState/Id", True)
        event.Comment = ua.LocalizedText(alarm.acknowledgement.comment if alarm.acknowledgement else "")
        event.ClientUserId = alarm.acknowledgement.user if alarm.acknowledgement else ""
        where = "" if reading.layer is None else f" (layer {reading.layer})"
        await self._event.trigger(message=f"{reading.title}: {reading.reason}{where}")

    async def _object(self, place: tuple[Name, ...]) -> Node:
        """The object at a place, made with those above it."""
        if place not in self._objects:
            parent = await self._object(place[:-1])
            self._objects[place] = await parent.add_object(
                self._id(*(name for _, name in place)), self._name(place[-1])
            )
        return self._objects[place]

    async def _variable(self, item: Item) -> None:
        parent = await self._object(item.place)
        kind = getattr(ua.VariantType, item.kind)
        names = [name for _, name in (*item.place, item.name)]
        empty = ua.Variant({"String": "", "Boolean": False, "Double": 0.0}.get(item.kind, 0), kind)
        add = parent.add_property if item.place == IDENTIFICATION else parent.add_variable
        node = await add(
            self._id(*names), self._name(item.name), empty, datatype=ua.NodeId(getattr(ua.ObjectIds, item.kind))
        )
        words = ua.DataValue(ua.Variant(ua.LocalizedText(item.words), ua.VariantType.LocalizedText))
        await node.write_attribute(ua.AttributeIds.Description, words)
        if item.unit:
            unit = ua.EUInformation(UNECE, _unit_id(item.unit[0]), ua.LocalizedText(item.unit[1]))
            await node.add_property(self._id(*names, "EngineeringUnits"), "0:EngineeringUnits", unit)
        self._nodes[item] = node
        await self._server.write_attribute_value(node.nodeid, _data(item, None))

    def _id(self, *names: str) -> ua.NodeId:
        return ua.NodeId("/".join(names), self._indices[OWN])

    def _name(self, name: Name) -> ua.QualifiedName:
        return ua.QualifiedName(name[1], self._indices[name[0]])


def _data(item: Item, value: object) -> ua.DataValue:
    """A value with its time, or that there is none now."""
    now = datetime.now(UTC)
    kind = getattr(ua.VariantType, item.kind)
    if value is None:
        bad = ua.StatusCode(ua.StatusCodes.BadNoDataAvailable)
        return ua.DataValue(StatusCode=bad, SourceTimestamp=now, ServerTimestamp=now)
    return ua.DataValue(ua.Variant(value, kind), SourceTimestamp=now, ServerTimestamp=now)


def _unit_id(code: str) -> int:
    """The numeric id of a UNECE common code: its characters as bytes of one number (OPC UA Part 8)."""
    return int.from_bytes(code.encode("ascii"), "big")
