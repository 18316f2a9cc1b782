"""Where backups are kept: `entrepot.ports.backups.BackupStore`, in folders and in object stores."""
