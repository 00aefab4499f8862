namespace LLaDA.Batch.Functions.Http;

/// <summary>The tenant of a request, set once its API key has been checked.</summary>
internal static class RequestTenant
{
    private const string Item = "Tenant";

    public static string Tenant(this HttpContext context) => (string)context.Items[Item]!;

    public static void SetTenant(this HttpContext context, string tenant) => context.Items[Item] = tenant;
}
