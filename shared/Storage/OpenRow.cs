using System.Runtime.Serialization;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>Marks a job that has something left to do: written before the job, deleted once the job is terminal and closed.</summary>
public abstract class OpenRow : TableRow
{
    public string Tenant { get; set; } = "";

    /// <summary>The record of the job.</summary>
    [IgnoreDataMember]
    public JobKey Job => new(Tenant, RowKey[(RowKey.IndexOf('|', StringComparison.Ordinal) + 1)..]);

    public static string Prefix(string tenant) => $"{tenant}|";

    public static string Key(JobKey job) => Prefix(job.Tenant) + job.RowKey;
}
