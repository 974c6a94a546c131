# Answers for filling the templates by hand: put your value after the second bar of each line, then run
#   sed -i -f fill.sed *.yaml env.sh
# `superionic init` asks the same questions and does the same. A value must not contain a bar, or ", \ and $.
# Delete this file afterwards: it holds the database password.

# this folder, as an absolute path that the compute nodes see, too
s|<CONFIG_DIR>|/home/ann/superionic-config|g
# the MongoDB server; special characters in user and password must be percent-encoded
s|<MONGO_URI>|mongodb://ann:password@mongo.example.org:27017/?authSource=admin|g
# the database for queue and results on that server; the user needs the role readWrite on it
s|<DATABASE>|superionic|g
# shell command that makes `superionic` and `rlaunch` available in a batch job
s|<ACTIVATE>|source /home/ann/superionic-env/bin/activate|g
# partition (Slurm) or queue (PBS, SGE) for VASP or CP2K, for potentials, and for cheap work
s|<QUEUE_VASP>|standard|g
s|<QUEUE_GPU>|gpu|g
s|<QUEUE_CPU>|standard|g
# account that pays; without accounts, replace this line by  /<ACCOUNT>/d
s|<ACCOUNT>|my-project|g
# cores of one VASP job
s|<CORES>|32|g
# GPUs of one batch job for potentials; without GPUs: 0 for PBS, else  /<GPUS>/d
s|<GPUS>|1|g
# time limit of a batch job, and the same in seconds less ten minutes (24 h: 86400 - 600)
s|<WALLTIME>|24:00:00|g
s|<WORK_SECONDS>|85800|g
# how VASP is started, and its gamma-only build; folder with the POTCARs as pymatgen wants them
s|<VASP_CMD>|srun vasp_std|g
s|<VASP_GAMMA_CMD>|srun vasp_gam|g
s|<POTCAR_DIR>|/home/ann/potcars|g
# how CP2K's interactive mode is started; without CP2K, keep  /<CP2K_CMD>/d
/<CP2K_CMD>/d
# device of potentials and trainings: cuda or cpu
s|<DEVICE>|cuda|g
