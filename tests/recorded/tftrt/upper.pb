

wordsPlaceholder
*
PartitionedCall/StringUpperStringUpper

IdentityIdentity"Ú