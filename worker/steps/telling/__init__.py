"""What people and programs are told: reports of runs and plans, why a lead stands where it stands, how things stand."""
