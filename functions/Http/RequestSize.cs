namespace LLaDA.Batch.Functions.Http;

/// <summary>Refuses a body whose declared size no endpoint takes, before a byte of it is read.</summary>
internal static class RequestSize
{
    public static Task Limit(HttpContext context, RequestDelegate next)
    {
        var limits = context.RequestServices.GetRequiredService<ServiceLimits>();
        return context.Request.ContentLength > limits.MaxRequestBytes
            ? throw ApiException.TooLarge($"A file may have at most {limits.MaxUploadBytes} bytes")
            : next(context);
    }
}
