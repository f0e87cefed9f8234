

wordsPlaceholder

unknownPlaceholder

	unknown_1Const

	unknown_0Const
&
StatefulPartitionedCall/add/yConst
,
#StatefulPartitionedCall/Gather/axisConst
J
5StatefulPartitionedCall/None_Lookup/LookupTableFindV2LookupTableFindV2
$
StatefulPartitionedCall/addAddV2
*
StatefulPartitionedCall/GatherGatherV2
$
StatefulPartitionedCall/ReluRelu

IdentityIdentity"Ú