using System.Runtime.Serialization;
using System.Text;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Models;

/// <summary>How far the removal of a model has come.</summary>
public enum ModelState
{
    /// <summary>Jobs can name it.</summary>
    Available,

    /// <summary>No new job can name it; it becomes available again if a job had named it before.</summary>
    Leaving,

    /// <summary>It stays removed, and its files may be deleted already.</summary>
    Gone,
}

/// <summary>A model that batches can name.</summary>
public sealed class ModelRecord : TableRow
{
    /// <summary>The partition of the models that every tenant may use.</summary>
    public const string EveryTenant = "_everyone";

    private const string StoredAvailable = "Known";

    /// <summary>Characters of a key; storage takes 512.</summary>
    public const int MaxKey = 500;

    /// <summary>
    /// An estimate for LLaDA-8B on the default hardware. An estimate that is too high makes longer shards, one that is too low makes shards
    /// of single lines, which share no pass.
    /// </summary>
    private const double UnmeasuredRate = 20_000;

    /// <summary>The parameters to which the estimate belongs, and the most and the least that others are estimated at.</summary>
    private const double ParametersOfEstimate = 8.0e9, FastestEstimate = 200_000, SlowestEstimate = 1_000;

    public string Id { get; set; } = "";

    /// <summary>The hardware that runs it, which names the queue of its shards.</summary>
    public string Profile { get; set; } = StorageNames.DefaultProfile;

    /// <summary>The longest canvas, in tokens.</summary>
    public int ContextLength { get; set; }

    /// <summary>The family of its network, such as LLaDA2; empty in records of earlier versions.</summary>
    public string Family { get; set; } = "";

    /// <summary>Parameters of the whole network; 0 in records of earlier versions.</summary>
    public long NumParameters { get; set; }

    /// <summary>Parameters that compute a token: fewer than all where experts are chosen; 0 in records of earlier versions.</summary>
    public long NumActiveParameters { get; set; }

    /// <summary>Tokens that a worker passes through the model per second, padding included; 0 until a worker has measured it.</summary>
    public double TokenForwardsPerSecond { get; set; }

    /// <summary>The speed from which the plan estimates the time of a line.</summary>
    [IgnoreDataMember]
    public double PlannedTokenForwardsPerSecond => TokenForwardsPerSecond > 0 ? TokenForwardsPerSecond
        : NumActiveParameters == 0 ? UnmeasuredRate
        : Math.Clamp(UnmeasuredRate * ParametersOfEstimate / NumActiveParameters, SlowestEstimate, FastestEstimate);

    /// <summary>
    /// The prefix of its files in container <see cref="StorageNames.ModelsContainer"/>; empty for a model that workers have in their own
    /// folder.
    /// </summary>
    public string Folder { get; set; } = "";

    /// <summary>
    /// The model that an adapter changes, where <see cref="Folder"/> holds an adapter in PEFT's layout; empty where it holds whole
    /// weights.
    /// </summary>
    public string BaseModel { get; set; } = "";

    /// <summary>How a card keeps the weights; <see cref="ModelWeights.Auto"/> in records of earlier versions.</summary>
    [IgnoreDataMember]
    public ModelWeights Weights
    {
        get => StoredWeights.Length == 0 ? ModelWeights.Auto : Enum.Parse<ModelWeights>(StoredWeights);
        set => StoredWeights = value == ModelWeights.Auto ? "" : value.ToString();
    }

    /// <summary><see cref="Weights"/> as stored: empty for <see cref="ModelWeights.Auto"/>.</summary>
    [DataMember(Name = "Weights")]
    public string StoredWeights { get; set; } = "";

    /// <summary>Only its removal finds a model that is not <see cref="ModelState.Available"/>.</summary>
    [IgnoreDataMember]
    public ModelState State
    {
        get => StoredState == StoredAvailable ? ModelState.Available : Enum.Parse<ModelState>(StoredState);
        set => StoredState = value == ModelState.Available ? StoredAvailable : value.ToString();
    }

    /// <summary><see cref="State"/> as stored: the table client writes the names of enums, whatever their attributes.</summary>
    [DataMember(Name = "State")]
    public string StoredState { get; set; } = StoredAvailable;

    public DateTimeOffset CreatedAt { get; set; }

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    /// <summary>The row key: hexadecimal, since ids may hold characters that keys may not.</summary>
    public static string Key(string id) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(id));
}
