namespace LLaDA.Diffusion;

/// <summary>What a draw of <see cref="CounterRandom"/> is for: draws of one seed for different purposes are independent.</summary>
/// <remarks>
/// Results and resumed runs depend on these values, so a value never changes and is never used again for another purpose.
/// Sampling and training share 1 and 2: a row and a training run that are given the same seed draw the same numbers.
/// That is safe because no computation uses both with one seed: reinforcement, which samples and noises, draws a seed for each answer
/// (<see cref="Rollout"/>) and its noise from other streams.
/// </remarks>
public enum RandomStream : uint
{
    /// <summary>Sampling: which predictions a step keeps under <see cref="Sampling.Remasking.Random"/>.</summary>
    Remasking = 1,

    /// <summary>Sampling: the token of a position.</summary>
    Token = 2,

    /// <summary>Training: the noise level t of a row.</summary>
    NoiseLevel = Remasking,

    /// <summary>Training: whether a position is masked.</summary>
    Mask = Token,

    /// <summary>Training: the first masked position of a row that must have a mask.</summary>
    FirstMask = 3,

    /// <summary>Training: whether a position behind it is masked.</summary>
    MaskAfterFirst = 4,

    /// <summary>Training data: the order of an epoch's rows.</summary>
    EpochOrder = 11,

    /// <summary>Training data: where an epoch's first sequence begins.</summary>
    EpochOffset = 12,

    /// <summary>Training data: which prompt and answer of a dialogue an epoch uses.</summary>
    DialoguePair = 13,

    /// <summary>Training: whether a step's rows are cut to a random length.</summary>
    RandomCut = 21,

    /// <summary>Training: the length that they are cut to.</summary>
    RandomLength = 22,

    /// <summary>Likelihoods: the offset of the samples' numbers of masks.</summary>
    MaskCount = 31,

    /// <summary>Likelihoods: which tokens of an answer are masked.</summary>
    AnswerMask = 32,

    /// <summary>Autoregressive baseline: the next token.</summary>
    CausalToken = 41,

    /// <summary>Evaluation: which tokens of a document are masked.</summary>
    ClozeMask = 51,

    /// <summary>Evaluation: where a gap is cut.</summary>
    GapStart = 52,

    /// <summary>Evaluation: which labelled texts are shown.</summary>
    ShotChoice = 53,

    /// <summary>Evaluation: the order of the labelled texts shown.</summary>
    ShotOrder = 54,

    /// <summary>Infilling: the seed of an infill window.</summary>
    InfillWindow = 61,

    /// <summary>Sampling: the seed of one of several answers to a prompt.</summary>
    Answer = 62,

    /// <summary>Bounds of responses: the noise level of a sample.</summary>
    BoundLevel = 71,

    /// <summary>Bounds of responses: which tokens of a response a sample masks.</summary>
    BoundMask = 72,

    /// <summary>Prompt tuning: the token whose embedding a vector begins as.</summary>
    InitialVector = 81,

    /// <summary>Reinforcement: the seed that an answer is sampled with.</summary>
    Rollout = 91,
}
