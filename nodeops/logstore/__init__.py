"""A log sealed into segments while its writer goes on: no byte lost, none twice, whatever interrupts it."""
