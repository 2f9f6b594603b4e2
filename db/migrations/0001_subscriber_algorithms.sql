CREATE TABLE `auc` (
	`tenant` text NOT NULL,
	`imsi` text NOT NULL,
	`algorithm` text NOT NULL,
	`wrapped_key` blob NOT NULL,
	`wrapped_operator` blob,
	`wrapped_ssd` blob,
	`uim_id` blob,
	`amf` blob NOT NULL,
	`ind_bits` integer NOT NULL,
	`key_version` integer NOT NULL,
	`ssd_updates` integer NOT NULL,
	PRIMARY KEY(`tenant`, `imsi`),
	FOREIGN KEY (`tenant`,`imsi`) REFERENCES `subscriber`(`tenant`,`imsi`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `auc_algorithm` ON `auc` (`tenant`,`algorithm`,`imsi`);--> statement-breakpoint
INSERT INTO `auc` (`tenant`, `imsi`, `algorithm`, `wrapped_key`, `wrapped_operator`, `amf`, `ind_bits`, `key_version`, `ssd_updates`) SELECT `tenant`, `imsi`, `algorithm`, `wrapped_k`, `wrapped_opc`, `amf`, `ind_bits`, `key_version`, 0 FROM `auc_3g`;--> statement-breakpoint
DROP TABLE `auc_3g`;--> statement-breakpoint
ALTER TABLE `binding_rule` ADD `minimum_strength` text;--> statement-breakpoint
ALTER TABLE `subscriber` ADD `msisdn` text;