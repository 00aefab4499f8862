namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>Why a job failed.</summary>
/// <param name="Param">The parameter of the request that is at fault; null where it is none.</param>
public sealed record FineTuningFailure(string Code, string Message, string? Param = null);

/// <summary>What the plan of a job has found, and chosen for hyperparameters that were left to "auto".</summary>
/// <param name="Profile">The hardware that trains the model.</param>
/// <param name="ResultFileKey">The key of the file of metrics, unless an earlier plan has set one.</param>
public sealed record FineTuningPlan(
    string Profile, int NumExamples, int Epochs, int BatchSize, double LearningRateMultiplier, string ResultFileKey)
{
    /// <summary>Of a job of preferences; null for others.</summary>
    public PreferencePlan? Preference { get; init; }

    /// <summary>Of a job of reinforcement, with nothing left to "auto"; null for others.</summary>
    public ReinforcementSettings? Reinforcement { get; init; }
}

/// <summary>What "auto" is of the hyperparameters that preferences alone have.</summary>
public sealed record PreferencePlan(double Beta, int NumSamples, double SftWeight);

/// <summary>
/// The transitions of a fine-tuning job. Each returns whether it holds in the current state, and changes nothing where it does not.
/// docs/architecture.md draws the diagram; a test compares both with one table.
/// </summary>
public sealed partial class FineTuningJobRecord
{
    /// <summary>Runs that may end without a checkpoint or an excuse before the job fails.</summary>
    public const int MaxFailedRuns = 3;

    /// <summary>How long a job may fail to finish, without any other change, before it fails.</summary>
    public static readonly TimeSpan GiveUpAfter = TimeSpan.FromHours(1);

    /// <summary>Scheduled data has been joined into the training file; the job may have been paused meanwhile.</summary>
    public bool TrySetTrainingFile(string fileId)
    {
        if (Status is not (FineTuningStatus.ValidatingFiles or FineTuningStatus.Paused))
            return false;
        TrainingFileId = fileId;
        return true;
    }

    /// <summary>The files are valid: the job waits for its turn to be trained.</summary>
    public bool TryQueue(FineTuningPlan plan)
    {
        if (Status != FineTuningStatus.ValidatingFiles)
            return false;
        Epochs ??= plan.Epochs;
        BatchSize ??= plan.BatchSize;
        LearningRateMultiplier ??= plan.LearningRateMultiplier;
        ResultFileKey ??= plan.ResultFileKey;
        Beta ??= plan.Preference?.Beta;
        NumSamples ??= plan.Preference?.NumSamples;
        SftWeight ??= plan.Preference?.SftWeight;
        Reinforcement = plan.Reinforcement?.ToJson() ?? Reinforcement;
        MasksEveryRow = Method == FineTuningMethod.Supervised;
        (Status, Profile, NumExamples, QueuedAt) = (FineTuningStatus.Queued, plan.Profile, plan.NumExamples, null);
        return true;
    }

    /// <summary>The files have errors, the model does not exist, or planning failed repeatedly.</summary>
    public bool TryRefuse(FineTuningFailure error, DateTimeOffset now) =>
        Status == FineTuningStatus.ValidatingFiles && Fail(error, now);

    /// <summary>The client pauses the job; a run makes a checkpoint and stops.</summary>
    public bool TryPause()
    {
        if (Status is not (FineTuningStatus.ValidatingFiles or FineTuningStatus.Queued or FineTuningStatus.Running))
            return false;
        (Status, EstimatedFinishAt) = (FineTuningStatus.Paused, null);
        return true;
    }

    /// <summary>The client resumes a paused job, which is planned unless it has been.</summary>
    public bool TryResume()
    {
        if (Status != FineTuningStatus.Paused)
            return false;
        (Status, QueuedAt) = (Profile is null ? FineTuningStatus.ValidatingFiles : FineTuningStatus.Queued, null);
        return true;
    }

    /// <summary>The client cancels the job; its checkpoints are kept.</summary>
    public bool TryCancel(DateTimeOffset now)
    {
        if (IsTerminal)
            return false;
        (Status, FinishedAt, EstimatedFinishAt) = (FineTuningStatus.Cancelled, now, null);
        return true;
    }

    /// <summary>It is the job's turn: its message is sent to the trainers.</summary>
    public bool TrySend(DateTimeOffset now)
    {
        if (Status != FineTuningStatus.Queued || QueuedAt is not null)
            return false;
        QueuedAt = now;
        return true;
    }

    /// <summary>The message of a queued job is sent to the trainers again.</summary>
    public bool TryQueueAgain(DateTimeOffset now)
    {
        if (Status is not (FineTuningStatus.Queued or FineTuningStatus.Running))
            return false;
        QueuedAt = now;
        return true;
    }

    /// <summary>
    /// A run begins under the next number. It counts as failed until it publishes a checkpoint or is excused: a process that dies reports
    /// nothing.
    /// </summary>
    public bool TryBeginRun()
    {
        if (Status is not (FineTuningStatus.Queued or FineTuningStatus.Running) || FailedRuns >= MaxFailedRuns)
            return false;
        (Status, RunNumber, FailedRuns, Step) = (FineTuningStatus.Running, RunNumber + 1, FailedRuns + 1, CheckpointStep);
        return true;
    }

    /// <summary>Too many runs ended without a checkpoint.</summary>
    public bool TryGiveUpRuns(FineTuningFailure error, DateTimeOffset now) =>
        Status is FineTuningStatus.Queued or FineTuningStatus.Running && FailedRuns >= MaxFailedRuns && Fail(error, now);

    /// <summary>
    /// Whether a run may write. The next run raises the number when it begins: until then a job that was paused, and queued again, is this
    /// run's.
    /// </summary>
    public bool IsWritableBy(int run) =>
        RunNumber == run && Status is FineTuningStatus.Running or FineTuningStatus.Paused or FineTuningStatus.Queued;

    /// <summary>The run has counted the steps of the whole training.</summary>
    public bool TrySetSteps(int run, int numSteps)
    {
        if (!IsWritableBy(run))
            return false;
        NumSteps = numSteps;
        return true;
    }

    /// <summary>The run reports its progress.</summary>
    public bool TryReport(int run, int step, DateTimeOffset estimatedFinishAt)
    {
        if (!IsWritableBy(run))
            return false;
        (Step, EstimatedFinishAt) = (step, estimatedFinishAt);
        return true;
    }

    /// <summary>The run has uploaded a checkpoint: from here on the job resumes from it.</summary>
    /// <param name="trainedTokens">Tokens seen up to it.</param>
    public bool TryPublish(int run, int step, long trainedTokens)
    {
        if (!IsWritableBy(run))
            return false;
        (CheckpointRun, CheckpointStep, Step, TrainedTokens, FailedRuns) = (run, step, step, trainedTokens, 0);
        return true;
    }

    /// <summary>Storage has lost the published checkpoint: the run begins from the start.</summary>
    public bool TryLoseCheckpoint(int run)
    {
        if (!IsWritableBy(run))
            return false;
        (CheckpointRun, CheckpointStep, Step, TrainedTokens) = (0, 0, 0, 0);
        return true;
    }

    /// <summary>The run ended through no fault of the job.</summary>
    public bool TryExcuse(int run)
    {
        if (!IsWritableBy(run))
            return false;
        FailedRuns = Math.Max(0, FailedRuns - 1);
        return true;
    }

    /// <summary>The run cannot train the job, and no further run could.</summary>
    public bool TryFailRun(int run, FineTuningFailure error, DateTimeOffset now) => IsWritableBy(run) && Fail(error, now);

    /// <summary>The last checkpoint is registered as the result.</summary>
    /// <param name="resultFileId">File of the metrics; null where they are lost.</param>
    public bool TrySucceed(string model, string? resultFileId, DateTimeOffset now)
    {
        if (!CanFinish)
            return false;
        (Status, FinishedAt, EstimatedFinishAt) = (FineTuningStatus.Succeeded, now, null);
        (FineTunedModel, ResultFileId) = (model, resultFileId);
        return true;
    }

    /// <summary>Finishing has failed for <see cref="GiveUpAfter"/>; the checkpoints are kept.</summary>
    public bool TryGiveUpFinish(FineTuningFailure error, DateTimeOffset now) =>
        CanFinish && now - Timestamp >= GiveUpAfter && Fail(error, now);

    private bool CanFinish =>
        HasLastCheckpoint && Status is FineTuningStatus.Queued or FineTuningStatus.Running or FineTuningStatus.Paused;

    private bool Fail(FineTuningFailure error, DateTimeOffset now)
    {
        (Status, FinishedAt, EstimatedFinishAt) = (FineTuningStatus.Failed, now, null);
        (ErrorCode, ErrorMessage, ErrorParam) = (error.Code, error.Message, error.Param);
        return true;
    }
}
