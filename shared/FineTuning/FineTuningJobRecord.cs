using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>The states of a fine-tuning job; the names are OpenAI's.</summary>
public enum FineTuningStatus
{
    ValidatingFiles,
    Queued,
    Running,
    Paused,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>The form of the training data.</summary>
public enum FineTuningMethod
{
    /// <summary>Dialogues, or prompts with their answers.</summary>
    Supervised,

    /// <summary>Plain text.</summary>
    Pretrain,

    /// <summary>Questions with a preferred and another answer: direct preference optimisation.</summary>
    Dpo,

    /// <summary>Questions that the model answers itself, and a grader that judges the answers.</summary>
    Reinforcement,
}

/// <summary>The record of a fine-tuning job.</summary>
public sealed partial class FineTuningJobRecord : TableRow
{
    public const string IdPrefix = "ftjob-";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    [IgnoreDataMember]
    public JobKey Key => new(Tenant, RowKey);

    [IgnoreDataMember]
    public bool IsTerminal => Status is FineTuningStatus.Succeeded or FineTuningStatus.Failed or FineTuningStatus.Cancelled;

    /// <summary>Changed by the transitions of this record only.</summary>
    public FineTuningStatus Status { get; set; }

    public FineTuningMethod Method { get; set; }

    /// <summary>The model to begin with; for a schedule that continues from its last result, that result.</summary>
    public string Model { get; set; } = "";

    /// <summary>Null for a scheduled job until its plan has joined the data.</summary>
    public string? TrainingFileId { get; set; }

    public string? ValidationFileId { get; set; }

    public string? Suffix { get; set; }

    public int Seed { get; set; }

    /// <summary>A JSON object of strings; null when the client gave none.</summary>
    public string? Metadata { get; set; }

    /// <summary>Passes over the data; null is "auto" until the plan has chosen.</summary>
    public int? Epochs { get; set; }

    /// <summary>Rows of a step; null is "auto" until the plan has chosen.</summary>
    public int? BatchSize { get; set; }

    /// <summary>A factor on the method's usual peak rate; null is "auto" until the plan has chosen.</summary>
    public double? LearningRateMultiplier { get; set; }

    /// <summary>Rank of a LoRA adapter; null where none is trained.</summary>
    public int? LoraRank { get; set; }

    public double? LoraAlpha { get; set; }

    /// <summary>Vectors of prompt tuning; null where none are trained.</summary>
    public int? NumVirtualTokens { get; set; }

    /// <summary>The text that the vectors begin as; null for tokens that the seed draws.</summary>
    public string? InitialText { get; set; }

    /// <summary>Whether an adapter is trained; else all weights are.</summary>
    [IgnoreDataMember]
    public bool TrainsAdapter => LoraRank is not null || NumVirtualTokens is not null;

    /// <summary>The lowest noise level that is trained; null, like the highest, where all are.</summary>
    public double? MinNoise { get; set; }

    public double? MaxNoise { get; set; }

    /// <summary>
    /// Whether each row is masked at least once. Decided by the plan: jobs that were planned without the column resume as they began.
    /// </summary>
    public bool MasksEveryRow { get; set; }

    /// <summary>What happens to examples longer than the model's context; not of plain text.</summary>
    public LongExamples LongExamples { get; set; }

    /// <summary>How strongly preferences count; null is "auto" until the plan has chosen. With the three below of
    /// <see cref="FineTuningMethod.Dpo"/> alone.</summary>
    public double? Beta { get; set; }

    /// <summary>Noised rows of each answer; null is "auto".</summary>
    public int? NumSamples { get; set; }

    /// <summary>The weight of the supervised loss of preferred answers; null is "auto".</summary>
    public double? SftWeight { get; set; }

    public bool NormalizesLength { get; set; }

    /// <summary>The JSON of <see cref="ReinforcementSettings"/>; null for jobs of other methods.</summary>
    public string? Reinforcement { get; set; }

    /// <summary>The schedule that made it; null when a client did.</summary>
    public string? ScheduleKey { get; set; }

    /// <summary>The blob that lists a scheduled job's data.</summary>
    public string? Sources { get; set; }

    /// <summary>The folder in which these blobs lie.</summary>
    public string? ScheduledFolder { get; set; }

    /// <summary>The hardware that trains it, and so its queue; null until it is planned.</summary>
    public string? Profile { get; set; }

    /// <summary>Lines of the training file, once it is planned.</summary>
    public int NumExamples { get; set; }

    /// <summary>Steps of the whole training; 0 until a run has counted the data.</summary>
    public int NumSteps { get; set; }

    /// <summary>
    /// The number of the run that may write, raised by a conditional write when a run begins. A run that finds another number here is stale
    /// and stops.
    /// </summary>
    [DataMember(Name = "Epoch")]
    public int RunNumber { get; set; }

    /// <summary>Runs since the last checkpoint that were begun and not excused.</summary>
    public int FailedRuns { get; set; }

    /// <summary>The last published checkpoint: the number of the run that wrote it, and its step. 0 where there is none.</summary>
    [DataMember(Name = "CheckpointEpoch")]
    public int CheckpointRun { get; set; }

    public int CheckpointStep { get; set; }

    /// <summary>Whether the checkpoint of the last step is published; it may not be registered as a model yet.</summary>
    [IgnoreDataMember]
    public bool HasLastCheckpoint => NumSteps > 0 && CheckpointStep == NumSteps;

    /// <summary>Tokens seen up to the last published checkpoint.</summary>
    public long TrainedTokens { get; set; }

    /// <summary>Steps of the current run; a run that resumes begins at the last checkpoint.</summary>
    public int Step { get; set; }

    public DateTimeOffset? EstimatedFinishAt { get; set; }

    /// <summary>The key of the file of metrics, set by the plan.</summary>
    public string? ResultFileKey { get; set; }

    /// <summary>The id of that file, once the job has succeeded.</summary>
    public string? ResultFileId { get; set; }

    /// <summary>The name of the result; set when the job has succeeded.</summary>
    public string? FineTunedModel { get; set; }

    public string? ErrorCode { get; set; }

    public string? ErrorMessage { get; set; }

    public string? ErrorParam { get; set; }

    /// <summary>The W3C traceparent of the request, or of the schedule timer, that created it; null without a trace.</summary>
    public string? TraceParent { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When its message was last sent to the training queue; null while it waits for its turn.</summary>
    public DateTimeOffset? QueuedAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }
}
