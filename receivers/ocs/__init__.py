"""The recorder as an agent of OCS, the Observatory Control System (extra `ocs`).

Arrows: agent > recording, monitor; plugin names agent. Only `agent` imports OCS.
"""
