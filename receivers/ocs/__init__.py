"""The recorder as an agent of OCS, the Observatory Control System (extra `ocs`).

Arrows: agent > options, monitor; plugin names agent. Only `agent` imports OCS.
"""
