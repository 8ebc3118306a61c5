-- Makes Veilgate's database and its user. MySQL's and MariaDB's container images run every file of a folder
-- like this one when they start on an empty volume; by hand: mysql -u root -p < mysql-init/01-database-and-user.sql
--
-- Change the password here and in DATABASE_URL. With ENVIRONMENT=production Veilgate refuses this one.
-- The tables come afterwards, as this user: python init_database.py

CREATE DATABASE IF NOT EXISTS veilgate CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE USER IF NOT EXISTS 'veilgate'@'%' IDENTIFIED BY 'changeme';

-- Rows: what the gateway and the workers need. Tables: what migrations need. REFERENCES: foreign keys.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES
    ON veilgate.* TO 'veilgate'@'%';
