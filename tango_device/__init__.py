"""The Tango device `Xspress3DS`: what beamlines steer the detector with.

`controller` and what it is made of decide, and know nothing of Tango; `server` maps Tango to it.
"""
