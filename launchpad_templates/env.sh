# Leads FireWorks, jobflow, atomate2 and superionic to the files of this folder: `source env.sh` in a terminal;
# the batch jobs do so by themselves.

# makes `superionic`, `rlaunch` and `qlaunch` available
<ACTIVATE>
# FireWorks: queue database, workers, intervals
export FW_CONFIG_FILE="<CONFIG_DIR>/FW_config.yaml"
# jobflow: where results go
export JOBFLOW_CONFIG_FILE="<CONFIG_DIR>/jobflow.yaml"
# atomate2: how VASP is started
export ATOMATE2_CONFIG_FILE="<CONFIG_DIR>/atomate2.yaml"
# superionic: device, threads, folders
export SUPERIONIC_CONFIG_FILE="<CONFIG_DIR>/superionic.yaml"
# pymatgen: folder of the POTCARs
export PMG_VASP_PSP_DIR="<POTCAR_DIR>"
# CP2K: its interactive mode, for the label engine cp2k-scan
export ASE_CP2K_COMMAND="<CP2K_CMD>"
# BLAS and OpenMP take all cores unless told otherwise; VASP runs one MPI rank per core
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
