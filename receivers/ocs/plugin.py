"""What OCS looks for in packages that bring agents (entry point group `ocs.plugins`)."""

package_name = "xspress3-streamer"
agents = {"OcsRecorder": {"module": "receivers.ocs.agent", "entry_point": "main"}}
