"""Physical constants and unit conversions used across superionic (CODATA 2022 values).

Energies are in eV, lengths in angstrom, times in ps, temperatures in K, diffusivities in
cm^2/s and conductivities in S/cm unless a name says otherwise.
"""

from typing import Final

BOLTZMANN_EV_PER_K: Final = 8.617333262e-5
ELEMENTARY_CHARGE_C: Final = 1.602176634e-19
COULOMB_EV_A: Final = 14.3996454687
"""e^2 / (4 pi epsilon_0) in eV angstrom; epsilon_0 = 8.8541878188e-12 F/m."""
GPA_PER_EV_PER_A3: Final = 160.2176634
A2_PER_PS_IN_CM2_PER_S: Final = 1.0e-4
"""1 A^2/ps = 1e-16 cm^2 / 1e-12 s = 1e-4 cm^2/s."""
A3_IN_CM3: Final = 1.0e-24
MEV_PER_EV: Final = 1000.0
FS_PER_PS: Final = 1000.0
PS_PER_S: Final = 1.0e12
