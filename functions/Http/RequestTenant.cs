using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Keys;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Who sends a request, set once its API key has been checked.</summary>
internal static class RequestTenant
{
    private const string Item = "ApiKey";

    public static string Tenant(this HttpContext context) => KeyOf(context).Tenant;

    /// <summary>The most that its batches may ask for, by its key.</summary>
    public static BatchPriority MaxPriority(this HttpContext context) => KeyOf(context).MaxPriority;

    public static void SetKey(this HttpContext context, ApiKeyRecord key) => context.Items[Item] = key;

    private static ApiKeyRecord KeyOf(HttpContext context) => (ApiKeyRecord)context.Items[Item]!;
}
